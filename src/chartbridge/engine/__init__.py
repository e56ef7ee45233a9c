"""Wake-ups: threads for one office. No rule of the business."""
