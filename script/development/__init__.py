"""What the commands in `script/` run: the development server, the tests, the checks and the locks."""
