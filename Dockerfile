# The image of why403: one static binary and nothing else.
#
#   docker build -t why403 .
#   docker build -t why403 --build-arg TARGET=aarch64-unknown-linux-gnu .   # on an arm64 builder
#
# There is no shell, no libc and no CA bundle inside: the binary is linked statically and brings
# Mozilla's root certificates. To trust others, mount a PEM file and name it in network.tls_roots.

ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-slim-bookworm AS build
ARG TARGET=x86_64-unknown-linux-gnu
WORKDIR /src
RUN rustup target add "${TARGET}"
COPY . .
# The registry and the target directory outlive a build, so that dependencies are built once.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --bin why403 --target "${TARGET}" \
    && install -D "target/${TARGET}/release/why403" /out/why403

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="why403" \
      org.opencontainers.image.description="Watches whether an integration can still read Genesys Cloud queues and, when it is refused, says exactly why." \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/why403 /why403
# Inside a container the loopback address is nobody's.
ENV WHY403__SERVER__LISTEN=0.0.0.0:8403
EXPOSE 8403
# Numeric, so that Kubernetes can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["/why403"]
CMD ["serve"]
