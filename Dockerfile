# syntax=docker/dockerfile:1

# The service on a CPU:   docker build -t dragoman .
# on an NVIDIA GPU:       docker build -t dragoman --build-arg TORCH_INDEX=https://pypi.org/simple .
# Run it:                 docker run --rm --init --shm-size 1g -p 8000:8000 -e DRAGOMAN_API_KEYS=... dragoman
# One text, no server:    docker run --rm dragoman translate "Good morning" --to de

# The version that constraints.txt was tested with.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build

# Where else torch is looked for: pip takes 2.x+cpu before PyPI's 2.x, which brings CUDA along.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/dragoman
ENV PATH=/opt/dragoman/bin:$PATH

WORKDIR /src
# The dependencies, in a layer that changed code does not rebuild: empty packages stand in for ours.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir model service \
 && touch model/__init__.py service/__init__.py \
 && pip install --extra-index-url "${TORCH_INDEX}" --constraint constraints.txt ".[redis]"

COPY model ./model
COPY service ./service
RUN pip install --no-deps --force-reinstall .

# The kernels at every level of the architecture, beside the code that loads them: the image that runs
# has no compiler, and its processor is not yet known.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends g++ \
 && cd / \
 && python -m model.kernels.build \
      --output "$(python -c 'import model.kernels; print(model.kernels.__path__[0])')"


FROM python:${PYTHON_VERSION}-slim

LABEL org.opencontainers.image.title="Dragoman" \
      org.opencontainers.image.description="Translation and summarization over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0"

# Ray writes its sessions under /tmp; nothing else is written, so the root can be read-only.
RUN groupadd --gid 10001 dragoman \
 && useradd --uid 10001 --gid dragoman --create-home --shell /usr/sbin/nologin dragoman

COPY --from=build /opt/dragoman /opt/dragoman

# In a container, loopback would be reachable by nobody. The image does not set DRAGOMAN_INSECURE: who
# runs it knows which network it is on, and it says what to set if there are no keys.
ENV PATH=/opt/dragoman/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DRAGOMAN_HOST=0.0.0.0 \
    DRAGOMAN_PORT=8000 \
    DRAGOMAN_METRICS_HOST=0.0.0.0 \
    DRAGOMAN_METRICS_PORT=9464 \
    DRAGOMAN_LOG_FORMAT=json

USER 10001:10001
WORKDIR /home/dragoman
EXPOSE 8000 9464

HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['DRAGOMAN_PORT']}/health\", timeout=4)"]

ENTRYPOINT ["dragoman"]
CMD ["serve"]
