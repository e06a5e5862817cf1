"""The long-lived reader of Argo CD and the finder of due rows; `manage.py watch` runs both."""
