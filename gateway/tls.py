"""TLS as a client: certificates and host names are always verified."""

import ssl

from gateway.errors import LinkLost

#: What OpenSSL calls a trouble → what a person can act on. Others are told in OpenSSL's words.
_TROUBLES = {
    "WRONG_VERSION_NUMBER": "the other side does not speak TLS",
    "RECORD_LAYER_FAILURE": "the other side does not speak TLS",
    "PACKET_LENGTH_TOO_LONG": "the other side does not speak TLS",
    "HTTP_REQUEST": "the other side does not speak TLS",
    "UNSUPPORTED_PROTOCOL": "the other side speaks only TLS older than 1.2",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the other side speaks no version of TLS that we accept; expected 1.2 or later",
    "UNEXPECTED_EOF_WHILE_READING": "the other side closed the connection in the middle",
}


def client_context(ca_file: str) -> ssl.SSLContext:
    """Trusts the system's authorities and, besides them, those in `ca_file`; "" for none. Raises LinkLost where it cannot be used."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # some builds of Python leave it to OpenSSL's configuration
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as fault:  # ssl.SSLError is one
            raise LinkLost(f"the authorities in {ca_file} cannot be used: {trouble(fault)}") from fault
    return context


def of_broker(url: str) -> dict[str, None] | bool:
    """kombu's `ssl` for a broker's URL. Told to take the host's name from the URL, it verifies that too; else the certificate alone."""
    return {"server_hostname": None} if url.lower().startswith("amqps:") else False


def trouble(fault: OSError) -> str:
    """What is wrong, in words that hold neither a secret nor the library's numbers."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"the certificate is refused: {fault.verify_message.rstrip('.')}"
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError):  # some builds of Python give no reason with it
        return _TROUBLES["UNEXPECTED_EOF_WHILE_READING"]
    if isinstance(fault, ssl.SSLError):
        reason = fault.reason or ""
        return _TROUBLES.get(reason) or reason.replace("_", " ").lower() or "TLS failed"
    if isinstance(fault, TimeoutError) and fault.errno is None:  # our own deadline, not the kernel's ETIMEDOUT
        return "it took too long"
    return fault.strerror or str(fault) or type(fault).__name__
