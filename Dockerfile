# The server of finished runs: docker build -t recbole-ext . && docker compose up
# PyTorch's default wheels for Linux carry CUDA. For a smaller image, name an index of CPU wheels:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=... -t recbole-ext .
FROM python:3.12-slim AS build
ARG PIP_EXTRA_INDEX_URL
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY recbole_ext recbole_ext
RUN pip install --constraint constraints.txt ".[serve,mcp]" "psycopg[binary]>=3.1"

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin serve
COPY --from=build /opt/venv /opt/venv
# Everything that is written lies under /tmp or in mounted folders, so that the image itself can be read-only.
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/tmp/numba MPLCONFIGDIR=/tmp/matplotlib XDG_CACHE_HOME=/tmp/cache
# Runs name their data by a path such as dataset/, which is relative to the folder of the command.
WORKDIR /app
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
# exec form: the server gets SIGTERM itself and ends requests in progress.
ENTRYPOINT ["recbole-ext"]
CMD ["serve", "--help"]
