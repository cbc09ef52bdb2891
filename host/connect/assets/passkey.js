// Passkeys. One that was just made proves nothing, since nothing signs it: it signs a challenge next.

import { decode, encode } from './encode.js';
import { main, post, Problem } from './page.js';

function available() {
  if (!window.PublicKeyCredential) throw new Problem('This browser has no passkeys. Sign in in another way.', 0);
}

// create makes a passkey and returns its id.
export async function create(login, name) {
  available();
  const made = await navigator.credentials.create({ publicKey: {
    rp: { id: main.dataset.rp, name: 'Redoubt' },
    user: { id: crypto.getRandomValues(new Uint8Array(32)), name, displayName: name },
    challenge: crypto.getRandomValues(new Uint8Array(32)),
    pubKeyCredParams: [{ type: 'public-key', alg: -7 }, { type: 'public-key', alg: -8 }, { type: 'public-key', alg: -257 }],
    authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
    attestation: 'none',
    timeout: 120_000,
  } });
  const kept = await post('/login/passkey', { login, attestationObject: encode(made.response.attestationObject) });
  return kept.credentialId;
}

// prove has a passkey sign a challenge for a page's key, and returns what the server says to it.
export async function prove(login, nonce, credentialId) {
  available();
  const { challenge } = await post('/login/begin', { login, nonce });
  const allowCredentials = credentialId ? [{ type: 'public-key', id: decode(credentialId) }] : [];
  const got = await navigator.credentials.get({ publicKey: {
    rpId: main.dataset.rp, challenge: decode(challenge), allowCredentials, userVerification: 'required', timeout: 120_000,
  } });
  return post('/login/finish', { login, challenge, passkey: {
    credentialId: encode(got.rawId),
    authenticatorData: encode(got.response.authenticatorData),
    clientDataJSON: encode(got.response.clientDataJSON),
    signature: encode(got.response.signature),
  } });
}
