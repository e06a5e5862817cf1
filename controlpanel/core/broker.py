"""The Celery application, without its tasks: whoever only rings imports this. The worker's is `controlpanel/celery.py`."""

from __future__ import annotations

from celery import Celery
from kombu import Exchange, Queue

EXCHANGE = Exchange("panel", type="direct")  # with a key for each queue: else every bell rings in all of them
app = Celery("controlpanel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_default_queue="wake",
    task_queues=[Queue(name, EXCHANGE, routing_key=name) for name in ("wake", "render", "notify")],
    task_create_missing_queues=False,
    result_backend=None,
    task_ignore_result=True,
    accept_content=["json"],
    task_serializer="json",
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    task_publish_retry=False,
    task_soft_time_limit=45,
    task_time_limit=60,
    worker_max_tasks_per_child=500,
    worker_soft_shutdown_timeout=20,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    visibility_timeout=300,
    broker_transport_options={
        "visibility_timeout": 300,
        "unacked_restore_interval": 10,
        "max_retries": 0,  # a bell that nobody hears is dropped at once; kombu would try for 6 s
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
        "health_check_interval": 10,
        "global_keyprefix": "panel:",
    },
)
