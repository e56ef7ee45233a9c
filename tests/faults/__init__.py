"""The fault lab: the real product over real servers, killed, cut, filled up and starved; and one checker for all.

`lab` starts and stops things, `program` hands activities in over REST, `checker` judges what came of them from the
practices' own tables. `hub_that_dies` is the product with fail-points; nothing of it is in the product.
"""
