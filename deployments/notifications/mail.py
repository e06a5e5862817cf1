"""Mail by SMTP; the message's id is its Message-ID, so that a receiver can tell a second copy."""

from __future__ import annotations

from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage

from controlpanel.core.models import OutboxMessage
from deployments.notifications.base import NotDelivered, channels


@channels.register("mail")
def send(message: OutboxMessage) -> None:
    """Send one mail. Raises `NotDelivered`."""
    payload = message.payload
    mail = EmailMessage(
        subject=" ".join(payload["subject"].split()), body=f"{payload['text']}\n\n{settings.PUBLIC_URL}{payload['path']}\n", to=[message.destination],
        headers={"Message-ID": f"<{message.pk}@control-panel>"},
    )  # fmt: skip
    try:
        mail.send()
    except (SMTPException, OSError) as error:
        raise NotDelivered(f"The mail server did not take it: {type(error).__name__}.") from error
