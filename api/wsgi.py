"""The application that gunicorn serves: `gunicorn -c python:api.gunicorn_conf api.wsgi:app`."""

from api.app import create_app
from gateway import config

app = create_app(config.load())
app.extensions["requests"].start()
