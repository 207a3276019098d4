# Every program of Tuneloop in one image: the Prefect server and its services, a worker, the receiver, the command.
# docs/keeping-it-running.md explains how to use it, and what has not been tested.
#
# The base is named by its tag, because its digest must be looked up in a registry. To pin it in your build:
#   docker build --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:… .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
# Without pip, so that nothing can be installed in the image. Nothing is compiled: only wheels, as locked.
RUN python -m venv --without-pip /opt/tuneloop
COPY constraints.txt constraints-kubernetes.txt ./
RUN python -m pip --python /opt/tuneloop/bin/python install --no-cache-dir --disable-pip-version-check \
    --only-binary :all: --require-hashes --no-deps -r constraints.txt -r constraints-kubernetes.txt
COPY . .
RUN python -m pip --python /opt/tuneloop/bin/python install --no-cache-dir --disable-pip-version-check \
    --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --create-home --home-dir /home/tuneloop --shell /usr/sbin/nologin tuneloop
COPY --from=build /opt/tuneloop /opt/tuneloop
ENV PATH=/opt/tuneloop/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/home/tuneloop \
    PREFECT_HOME=/home/tuneloop/prefect \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# The project is mounted here, or copied here by an image of its own.
WORKDIR /project
USER 10001:10001
ENTRYPOINT []
CMD ["tuneloop", "--help"]
