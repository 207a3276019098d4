# Every program of Tuneloop in one image: the Prefect server and its services, a worker, the receiver, the command.
# docs/keeping-it-running.md says how it is used, and what of it was not run.
#
# The base is named by its tag, because its digest can only be asked of a registry. Pin it for a build of your own:
#   docker build --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:… .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
# Without pip, so that the image cannot install anything; and nothing is compiled: all wheels, as locked.
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
# Where the project is mounted, or copied to by an image of its own.
WORKDIR /project
USER 10001:10001
ENTRYPOINT []
CMD ["tuneloop", "--help"]
