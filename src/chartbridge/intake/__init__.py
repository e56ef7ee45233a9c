"""The world to activities: texts, e-mail, calls, notes, tasks, API; and who is this?"""
