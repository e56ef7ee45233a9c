"""Django settings, urls and the ASGI application."""
