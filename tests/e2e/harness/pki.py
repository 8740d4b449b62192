"""Certificates of the tests, made by the openssl command."""
import pathlib
import ssl
import subprocess


def _openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, timeout=30)


class Authority:
    """A throw-away CA in a folder."""

    def __init__(self, folder, name="Test CA"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cert = self.folder / "ca.pem"
        self._key = self.folder / "ca.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-subj", f"/CN={name}", "-days", "30", "-keyout", self._key, "-out", self.cert,
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, *names, kind="ec"):
        """(certificate file, key file) for these DNS names or IP addresses."""
        stem = f"{names[0].replace('*', 'wild')}-{kind}"
        cert, key = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        new_key = (["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["rsa:2048"])
        san = ",".join(("IP:" if n.replace(".", "").isdigit() else "DNS:") + n for n in names)
        _openssl("req", "-x509", "-CA", self.cert, "-CAkey", self._key, "-newkey", *new_key,
                 "-nodes", "-subj", f"/CN={names[0]}", "-days", "20", "-keyout", key, "-out", cert,
                 "-addext", f"subjectAltName={san}", "-addext", "basicConstraints=critical,CA:FALSE")
        return str(cert), str(key)

    def server_context(self, *names):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(*names))
        return context


def client_context(ca_file=None, alpn=("http/1.1",), minimum=None, maximum=None):
    """Verifies against ca_file; without it verifies nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # Python's choice; an end without close_notify must show
    if ca_file:
        context.load_verify_locations(ca_file)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    return context
