# The image of why403: one static binary and nothing else.
#
#   docker build -t why403 --build-arg REVISION="$(git rev-parse HEAD)" .
#   docker build -t why403 --platform linux/arm64 .
#
# For another platform than the builder's the compiler runs emulated, which takes its time but needs no
# second toolchain: every line is the same for amd64 and arm64.
#
# There is no shell, no libc and no file of certificate authorities inside. The binary is static, it
# resolves names by itself, and Mozilla's roots are part of it: a second copy beside it would be the
# same list of another day. A company's own authority is a mounted PEM file that network.tls_roots
# names; or mount the list of a system at /etc/ssl/certs/ca-certificates.crt and set
# network.tls_roots = "system".
#
# There is no HEALTHCHECK either: Kubernetes asks /livez and /readyz from outside.

ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-slim-bookworm AS build
# The C library is linked in.
ARG RUSTFLAGS="-C target-feature=+crt-static"
# With it the binary would be larger than 10 MB, so its relocations are packed.
ARG LINKING="-C link-arg=-Wl,-z,pack-relative-relocs"
WORKDIR /src
COPY . .
# The registry and the target directory outlive a build, so that dependencies are built once. The
# target is named because flags are then for it alone: build scripts and macros stay dynamic.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    target="$(rustc --print host-tuple)" \
    && cargo rustc --release --locked --bin why403 --target "${target}" -- ${LINKING} \
    && install -D "target/${target}/release/why403" /out/why403

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="why403" \
      org.opencontainers.image.description="Watches whether an integration can still read Genesys Cloud queues and, when it is refused, says exactly why." \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/why403 /why403
# Inside a container the loopback address is nobody's. Where there is only IPv6, set [::]:8403.
ENV WHY403__SERVER__LISTEN=0.0.0.0:8403
EXPOSE 8403
# Numeric, so that Kubernetes can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["/why403"]
CMD ["serve"]
