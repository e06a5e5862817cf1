"""Commands for `script/manage`."""
