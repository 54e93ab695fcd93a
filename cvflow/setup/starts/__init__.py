"""Where walkers start: structures read, put into the system's box, and what is to be said of them."""
