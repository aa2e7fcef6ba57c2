"""What every page is made of: one style, one way to fill a template, one look of the plots."""
