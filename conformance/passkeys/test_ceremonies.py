"""Each ceremony is judged twice: by the real binary and by python-fido2's server. They must agree."""

import copy
import hashlib
import json
import random
import struct
import unittest
from base64 import urlsafe_b64decode, urlsafe_b64encode

from countersign import Server
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import AttestedCredentialData, PublicKeyCredentialRpEntity, PublicKeyCredentialUserEntity

PASSWORD = "Lighthouse-3f9c1d"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encoded(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Key:
    """A key pair of one of the offered algorithms."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        if algorithm == -7:
            self.private = ec.generate_private_key(ec.SECP256R1())
        elif algorithm == -8:
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def cose(self):
        return cbor.encode(dict(CoseKey.for_alg(self.algorithm).from_cryptography_key(self.private.public_key())))

    def sign(self, message):
        if self.algorithm == -7:
            return self.private.sign(message, ec.ECDSA(hashes.SHA256()))
        if self.algorithm == -8:
            return self.private.sign(message)
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())


class Device:
    def __init__(self, algorithm, origin, rp_id, handle):
        self.key, self.origin, self.rp_id, self.handle = Key(algorithm), origin, rp_id, handle
        self.id, self.counter = random.randbytes(32), 0

    def _data(self, flags):
        return hashlib.sha256(self.rp_id.encode()).digest() + struct.pack(">BI", flags | PRESENT, self.counter)

    def _client_data(self, kind, challenge):
        text = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(text).encode()

    def _credential(self, response):
        return {"id": encoded(self.id), "rawId": encoded(self.id), "type": "public-key", "response": response}

    def create(self, challenge):
        data = self._data(VERIFIED | ATTESTED) + bytes(16) + struct.pack(">H", len(self.id)) + self.id + self.key.cose()
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential({
            "clientDataJSON": encoded(self._client_data("webauthn.create", challenge)),
            "attestationObject": encoded(attestation),
        })

    def get(self, challenge):
        self.counter += 1
        client_data, data = self._client_data("webauthn.get", challenge), self._data(VERIFIED)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest())
        return self._credential({
            "clientDataJSON": encoded(client_data), "authenticatorData": encoded(data),
            "signature": encoded(signature), "userHandle": self.handle,
        })


def flipped(credential, part):
    """The same with one bit of one part changed."""
    changed = copy.deepcopy(credential)
    data = bytearray(decoded(changed["response"][part]))
    at = random.randrange(len(data) * 8)
    data[at // 8] ^= 1 << at % 8
    changed["response"][part] = encoded(bytes(data))
    return changed


class Ceremonies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        random.seed(20261126)
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def call(self, path, body=None):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = self.server.send("POST", path, body, headers)
        if answer.json and answer.json.get("session"):
            self.token = answer.json["session"].get("token", self.token)
        return answer

    def sign_up(self, name):
        self.token = None
        answer = self.call("/v1/accounts", {"email": f"{name}@example.com", "password": PASSWORD})
        self.assertEqual(answer.status, 201, answer)

    def foreign(self, rp_id):
        entity = PublicKeyCredentialRpEntity(id=rp_id, name="x")
        return Fido2Server(entity, verify_origin=lambda origin: origin == self.server.public_origin)

    def foreign_says(self, act):
        try:
            return act()
        except Exception:
            return None

    def register(self, algorithm, change):
        options = self.call("/v1/passkeys/options").json
        device = Device(algorithm, self.server.public_origin, options["rp"]["id"], options["user"]["id"])
        fido = self.foreign(options["rp"]["id"])
        user = PublicKeyCredentialUserEntity(id=decoded(options["user"]["id"]), name="x")
        _, state = fido.register_begin(user, challenge=decoded(options["challenge"]), user_verification="preferred")
        response = change(device, options["challenge"])
        theirs = self.foreign_says(lambda: fido.register_complete(state, response))
        answer = self.call("/v1/passkeys", {"ceremony": options["ceremony"], "response": response})
        self.assertEqual(answer.status == 201, theirs is not None, (answer, response))
        return device, theirs and theirs.credential_data

    def test_good_ones_pass_both(self):
        for algorithm in (-7, -8, -257):
            self.sign_up(f"good{-algorithm}")
            device, credential = self.register(algorithm, lambda device, challenge: device.create(challenge))
            self.assertIsInstance(credential, AttestedCredentialData)
            for _ in range(10):
                self.assertTrue(self.sign_in(device, credential, lambda response: response))

    def sign_in(self, device, credential, change):
        self.token = None
        options = self.call("/v1/sessions/passkey/options").json
        fido = self.foreign(options["rpId"])
        _, state = fido.authenticate_begin([credential], challenge=decoded(options["challenge"]))
        response = change(device.get(options["challenge"]))
        theirs = self.foreign_says(lambda: fido.authenticate_complete(state, [credential], response))
        answer = self.call("/v1/sessions/passkey", {"ceremony": options["ceremony"], "response": response})
        self.assertEqual(answer.status == 201, theirs is not None, (answer, response))
        return answer.status == 201

    def test_changed_signatures_pass_neither(self):
        self.sign_up("flips")
        device, credential = self.register(-8, lambda device, challenge: device.create(challenge))
        for _ in range(60):
            for part in ("signature", "authenticatorData", "clientDataJSON"):
                self.assertFalse(self.sign_in(device, credential, lambda response: flipped(response, part)))
        self.assertTrue(self.sign_in(device, credential, lambda response: response))

    def test_wrong_places_and_challenges_pass_neither(self):
        self.sign_up("wrong")
        device, credential = self.register(-7, lambda device, challenge: device.create(challenge))
        stale = device.get(encoded(random.randbytes(32)))
        self.assertFalse(self.sign_in(device, credential, lambda _: stale))
        for place, value in (("origin", "https://evil.example"), ("rp_id", "evil.example")):
            elsewhere = copy.copy(device)
            setattr(elsewhere, place, value)
            self.assertFalse(self.sign_in(elsewhere, credential, lambda response: response))
            self.sign_up(f"wrong-{place.replace('_', '-')}")

            def register_elsewhere(fresh, challenge, place=place, value=value):
                setattr(fresh, place, value)
                return fresh.create(challenge)

            _, registered = self.register(-7, register_elsewhere)
            self.assertIsNone(registered)


if __name__ == "__main__":
    unittest.main()
