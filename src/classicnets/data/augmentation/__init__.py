"""What training does to images at random, one file a kind; `classicnets.data.transforms.Augmentation` names them.

Every kind is a pydantic model of its settings that is called with a batch and the `chance.Chance` of its images:
uint8 pixels from 0 to 255 or floating-point ones from 0 to 1, (images, height, width, channels), on any device. It
returns new pixels of the same shape, type and device, and carries no gradient. What happens to an image is a function
of (seed, epoch, the image's index) alone.
"""
