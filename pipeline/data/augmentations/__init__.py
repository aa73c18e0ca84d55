"""Augmentations of whole batches, a file each, found by its name; recipes name them in `augment`.

`KINDS` says which data a file is for. `build(shape, *, ...)` takes the shape of one raw item and the options of the
recipe, which are checked in its source before anything runs, and gives a `Step`.
"""
