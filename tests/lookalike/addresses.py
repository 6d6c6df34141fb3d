"""Points the clients at a look-alike: nothing but addresses is changed."""

import os
from urllib.parse import urlsplit

from betfairlightweight import APIClient
from betfairlightweight.streaming.betfairstream import BetfairStream

HTTP = os.environ["LOOKALIKE_HTTP"]
STREAM = urlsplit(os.environ["LOOKALIKE_STREAM"])


def point(client: APIClient) -> APIClient:
    client.identity_uri = f"{HTTP}/api/"
    client.identity_cert_uri = f"{HTTP}/api/"
    client.api_uri = f"{HTTP}/exchange/"
    BetfairStream.HOSTS.default_factory = lambda: STREAM.hostname
    BetfairStream._BetfairStream__port = STREAM.port
    return client
