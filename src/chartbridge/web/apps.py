"""The pages as a Django application."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Templates and static files."""

    name = "chartbridge.web"
    label = "web"

    def ready(self) -> None:
        from chartbridge.web.accounts import listen

        listen()
