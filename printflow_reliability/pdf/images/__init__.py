"""The data of images, format by format: whether all of their pixels are there."""
