"""Images in object stores: ``s3://bucket/key`` as an address that the web session can fetch, signed if it must be.

Where the store answers and who asks are told by the environment, under the names that GDAL and the AWS tools use:
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_REGION`` or ``AWS_DEFAULT_REGION``,
``AWS_S3_ENDPOINT`` or ``AWS_ENDPOINT_URL``, ``AWS_NO_SIGN_REQUEST`` and ``AWS_REQUEST_PAYER``. None of them is kept
or shown: a signature stands in the query of an address, which is left out wherever addresses are.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from geo.errors import InputError, Problem
from geo.stored import YES, key_of, own_store
from imagery.web import WebError

__all__ = ["is_object", "require_credentials", "web_address"]

LASTS_S = 3600
"""How long a signature holds."""
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_UNSIGNED = "UNSIGNED-PAYLOAD"


def is_object(address: str) -> bool:
    """Say whether an address is that of an object store.

    Examples
    --------
    >>> is_object("s3://sentinel/B04.tif"), is_object("https://host.example/B04.tif")
    (True, False)
    """
    return address.lower().startswith("s3://")


def require_credentials(addresses: Iterable[str], environment: Mapping[str, str]) -> None:
    """Refuse objects that nobody says how to ask for, before anything is asked.

    Raises
    ------
    InputError
        Naming each bucket.
    """
    if _is_public(environment) or all(environment.get(name) for name in _CREDENTIALS):
        return
    buckets = sorted({urlsplit(address).netloc.rsplit("@", 1)[-1] for address in addresses if is_object(address)})
    if buckets:
        raise InputError(
            Problem(
                "[imagery]",
                f"images in {', '.join(f's3://{bucket}' for bucket in buckets)} and no credentials",
                f"{' and '.join(_CREDENTIALS)} in the environment",
                "set them, or AWS_NO_SIGN_REQUEST=YES where the bucket is public",
            )
        )


def web_address(address: str, environment: Mapping[str, str], now: datetime, *, lasts_s: int = LASTS_S) -> str:
    """Return the address on the web of an object.

    Parameters
    ----------
    address
        ``s3://bucket/key``.
    environment
        Where the store answers and who asks, as ``os.environ``.
    now
        Time of the signature.
    lasts_s
        How long it holds.

    Raises
    ------
    WebError
        If there are no credentials and nothing says that none are needed, or the address names no object.

    References
    ----------
    AWS, Authenticating Requests: Using Query Parameters (AWS Signature Version 4).
    """
    try:
        bucket, key = key_of(address)
    except ValueError as error:
        raise WebError(str(error)) from None
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    scheme, host, path = _place(bucket, key, region, environment)
    if _is_public(environment):
        return f"{scheme}://{host}{path}"
    who, secret = (environment.get(name) for name in _CREDENTIALS)
    if not who or not secret:
        raise WebError(
            f"no credentials for s3://{bucket}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or AWS_NO_SIGN_REQUEST=YES where the bucket is public"
        )
    query = _query(who, region, environment, now, lasts_s)
    signature = _signature(
        secret, region, now, "\n".join(("GET", path, query, f"host:{host}\n", "host", _UNSIGNED))
    )
    return f"{scheme}://{host}{path}?{query}&X-Amz-Signature={signature}"


def _is_public(environment: Mapping[str, str]) -> bool:
    return environment.get("AWS_NO_SIGN_REQUEST", "").upper() in YES


def _place(bucket: str, key: str, region: str, environment: Mapping[str, str]) -> tuple[str, str, str]:
    """Return scheme, host and path: at a store of one's own the bucket is part of the path."""
    path = "/" + quote(key, safe="/-_.~")
    own = own_store(environment)
    if own is not None:
        return own.scheme, own.netloc, f"{own.path.rstrip('/')}/{quote(bucket, safe='-_.~')}{path}"
    # A bucket with dots in its name has no certificate of its own
    if "." in bucket:
        return "https", f"s3.{region}.amazonaws.com", f"/{quote(bucket, safe='-_.~')}{path}"
    where = "s3" if region == "us-east-1" else f"s3.{region}"
    return "https", f"{bucket}.{where}.amazonaws.com", path


def _query(who: str, region: str, environment: Mapping[str, str], now: datetime, lasts_s: int) -> str:
    """Return the query that is signed, its names in order."""
    utc = now.astimezone(UTC)
    fields = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{who}/{utc:%Y%m%d}/{region}/s3/aws4_request",
        "X-Amz-Date": f"{utc:%Y%m%dT%H%M%SZ}",
        "X-Amz-Expires": str(lasts_s),
        "X-Amz-SignedHeaders": "host",
    }
    if token := environment.get("AWS_SESSION_TOKEN"):
        fields["X-Amz-Security-Token"] = token
    if payer := environment.get("AWS_REQUEST_PAYER"):
        fields["x-amz-request-payer"] = payer
    return "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in sorted(fields.items()))


def _signature(secret: str, region: str, now: datetime, request: str) -> str:
    utc = now.astimezone(UTC)
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(
        ("AWS4-HMAC-SHA256", f"{utc:%Y%m%dT%H%M%SZ}", f"{utc:%Y%m%d}/{region}/s3/aws4_request", digest)
    )
    key = f"AWS4{secret}".encode()
    for part in (f"{utc:%Y%m%d}", region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
