"""The programs of docs/examples, as docs/upstreams.md gives them to module
developers: each takes a live context, and refuses what is tampered with, expired,
for another module, of another signer, or signed by a trick."""
import json
import pathlib
import shutil
import subprocess
import sys

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream
from harness.context import Signer, b64, hmac_token, key_set, now, parts, token_of

pytestmark = pytest.mark.heavy

BAKERY = Domain("bakery.test", agency_name="flour")
CLINIC = Domain("clinic.test", agency_name="health")
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "docs/examples"
JOSE = pathlib.Path("/usr/share/nodejs/jose")  # Debian's node-jose, the npm package of that name


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="module", params=["EdDSA", "ES256"])
def edge(request, work):
    """Signs with a key that the test has too, to make what only its holder could."""
    signer = Signer(work, f"real-{request.param}", request.param)
    with EchoOrigin() as origin, Marquee(domains=[BAKERY, CLINIC], upstreams=[Upstream("main", [origin.endpoint])],
                                         context={"key_file": str(signer.file)}) as proxy:
        proxy.signer = signer
        yield proxy


def node_jose(work):
    if not JOSE.is_dir():
        pytest.skip("node-jose is not installed")
    folder = work / "node"
    if not folder.exists():
        shutil.copytree(EXAMPLES / "node", folder)
        (folder / "node_modules").mkdir()
        (folder / "node_modules/jose").symlink_to(JOSE)
    return ["node", str(folder / "verify.mjs")], "url"


def node_builtin(_):
    return ["node", str(EXAMPLES / "node/verify_builtin.mjs")], "url"


def python(_):
    interpreter = "/usr/bin/python3" if pathlib.Path("/usr/bin/python3").exists() else sys.executable
    return [interpreter, str(EXAMPLES / "python/verify.py")], "url"


def cpp(work):
    program = work / "verify"
    if not program.exists():
        subprocess.run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", str(EXAMPLES / "cpp/verify.cpp"),
                        "-o", str(program), "-lcrypto", "-lboost_json"], check=True, timeout=300)
    return [str(program)], "file"


@pytest.fixture(params=[node_jose, node_builtin, python, cpp], ids=lambda f: f.__name__)
def verifier(request, edge, work):
    """verify(token, audience) -> its claims, or None where it refused."""
    command, kind = request.param(work)
    path = "/.well-known/marquee/jwks.json"
    address, port = edge.address(protocol="http")[:2]
    keys = f"http://{address}:{port}{path}"
    if kind == "file":
        keys = str(work / "keys.json")
        pathlib.Path(keys).write_text(json.dumps(key_set(edge)), encoding="ascii")

    def verify(token, audience=BAKERY.module, issuer="marquee"):
        ran = subprocess.run([*command, keys, issuer, audience, token], capture_output=True, text=True, timeout=60)
        if ran.returncode == 0:
            return json.loads(ran.stdout)
        assert ran.returncode == 1 and "refused: " in ran.stderr and not ran.stdout, ran
        return None
    return verify


def live(edge, host="bakery.test"):
    with edge.plain() as client:
        return token_of(client.get("/", host))


def test_takes_a_live_context(edge, verifier):
    token = live(edge)
    assert verifier(token) == parts(token)[1]
    token = live(edge, "clinic.test")
    assert verifier(token, CLINIC.module)["agency"] == CLINIC.agency


def test_refuses_what_was_tampered_with(edge, verifier):
    header, payload, signature = live(edge).split(".")
    claims = parts(f"{header}.{payload}.x")[1]
    other = b64(json.dumps({**claims, "site": CLINIC.site}).encode())
    flipped = ("B" if signature[0] != "B" else "C") + signature[1:]
    for token in (f"{header}.{other}.{signature}", f"{header}.{payload}.{flipped}", f"{header}.{payload}.",
                  f"{header}.{payload}", f"{header}.{payload}.{signature}.{signature}", "", "a.b.c"):
        assert verifier(token) is None, token


def test_refuses_what_is_not_for_it_or_not_now(edge, verifier):
    header, claims = parts(live(edge))
    sign = edge.signer.sign
    assert verifier(sign(claims, header["kid"])) == claims, "the forger of this test has the real key"
    without_end = {k: v for k, v in claims.items() if k != "exp"}
    cases = {"expired": {**claims, "iat": now() - 120, "exp": now() - 60},
                        "from the future": {**claims, "iat": now() + 3600, "exp": now() + 3660},
                        "no end": without_end,
                        "another module": {**claims, "aud": CLINIC.module},
                        "no module": {k: v for k, v in claims.items() if k != "aud"},
                        "another issuer": {**claims, "iss": "elsewhere"},
                        "no installation": {k: v for k, v in claims.items() if k != "sub"}}
    if edge.signer.algorithm != "EdDSA":  # the claims' rules do not depend on it
        cases = {"expired": cases["expired"]}
    for name, wrong in cases.items():
        assert verifier(sign(wrong, header["kid"])) is None, name
    assert verifier(live(edge), CLINIC.module) is None, "a live one, for another module"
    assert verifier(live(edge), issuer="elsewhere") is None


def test_refuses_other_signers_and_tricks(edge, verifier, work):
    header, claims = parts(live(edge))
    kid = header["kid"]
    for algorithm in ("EdDSA", "ES256"):
        foreign = Signer(work, f"foreign-{algorithm}", algorithm)
        assert verifier(foreign.sign(claims, kid)) is None, "another's key under our id"
        assert verifier(foreign.sign(claims, "another")) is None, "another's key"
    body = b64(json.dumps(claims).encode())
    none = b64(json.dumps({"alg": "none", "kid": kid, "typ": "JWT"}).encode())
    for token in (f"{none}.{body}.", f"{none}.{body}.AAAA"):
        assert verifier(token) is None, "alg none"
    # HS256 with what everybody knows, as bytes and as texts ("algorithm confusion", 2015).
    [jwk] = [k for k in key_set(edge)["keys"] if k["kid"] == kid]
    for secret in (edge.signer.public_pem, edge.signer.public_pem.strip(), json.dumps(jwk).encode(),
                   jwk["x"].encode(), b""):
        assert verifier(hmac_token({"alg": "HS256", "kid": kid, "typ": "JWT"}, claims, secret)) is None, secret
