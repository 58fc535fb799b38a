"""What random data cannot know: ids that exist, and a photo.

Schemathesis makes strings that fit the schema. Half of the ids are replaced here by those of embeddings that are there,
so that cases come past the first 404, and photos by one that shows a face.
"""
import json
import os
import random
import re

import requests
import schemathesis
from hypothesis import strategies as st

KNOWN = json.loads(os.environ["FUZZ_KNOWN"])
"""Ids by the name of their parameter."""
URL = os.environ["FUZZ_URL"]
KEY = {"Authorization": f"Bearer {os.environ['FUZZ_KEY']}"}
PHOTO = open(os.environ["FUZZ_PHOTO"], "rb").read()

IDS = re.compile(r"^emb_[A-Za-z0-9_-]{20}$")
NAMES = {"a", "b", "id", "into"}
LONGEST = 100
"""Longer ones are wrong on purpose."""
ENDLESS = "getEmbeddingEvents"
GONE_AFTERWARDS = {"deleteEmbedding", "cancelEmbedding"}


def operation_id(context):
    return context.operation.definition.raw.get("operationId")


def known(values, chance=0.5):
    """The values with some of their ids replaced by known ones."""
    if not isinstance(values, dict):
        return values
    return {
        name: random.choice(KNOWN)
        if name in NAMES and isinstance(value, str) and len(value) <= LONGEST and random.random() < chance
        else value
        for name, value in values.items()
    }


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    spared = operation_id(context) in GONE_AFTERWARDS or not context.operation.path.startswith("/embeddings/")
    return path_parameters if spared else known(path_parameters)


@schemathesis.hook
def map_query(context, query):
    return known(query, 0.9)


# The tool's own bytes cannot be judged by its own schemas in the phase `stateful`.
schemathesis.openapi.format("binary", st.sampled_from(["", "no photo", "GIF89a", "{}"]))


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict) and "image" in body and random.random() < 0.8:
        body = {name: value for name, value in body.items() if name not in {"latent", "generator"}}
        photos = body["image"]
        body["image"] = [PHOTO for _ in photos] if isinstance(photos, list) else PHOTO
    if isinstance(body, dict) and isinstance(body.get("latents"), list):
        body = {**body, "latents": [known(latent, 0.9) for latent in body["latents"]]}
    return body


@schemathesis.hook
def before_call(context, case, kwargs):
    headers = case.headers or {}
    for name in list(headers):
        # A minute for each case would be too long.
        if name.lower() == "prefer" and "wait" in str(headers[name]):
            headers[name] = "wait=1"
    # The events of an embedding that waits go on until it does not.
    if operation_id(context) == ENDLESS and IDS.match(str((case.path_parameters or {}).get("id"))):
        cancel(case.path_parameters["id"])


def cancel(id):
    requests.post(f"{URL}/embeddings/{id}/cancel", headers=KEY, timeout=10)


@schemathesis.hook
def after_call(context, case, response):
    """Takes accepted photos back, so that the processor is left to the renders."""
    if case.operation.definition.raw.get("operationId") != "createEmbeddings" or response.status_code not in (200, 202):
        return
    answer = response.json()
    for embedding in answer.get("embeddings", [answer]):
        cancel(embedding["id"])
