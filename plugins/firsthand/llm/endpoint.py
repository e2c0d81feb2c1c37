"""The address of an OpenAI-compatible server, which people write with and without `/v1`."""


def base_url(server: str) -> str:
    return f"{server.rstrip('/').removesuffix('/v1')}/v1"
