"""Template tags of the panel; built in, so that templates load nothing."""
