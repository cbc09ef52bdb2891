// The session of a person on these pages: a key that the browser keeps and never shows, and the certifier's word for whose
// it is. Both are in IndexedDB; the key cannot be taken out of there, only used.

import { encode } from './encode.js';
import { Problem } from './page.js';

const database = 'redoubt-connect';
const store = 'session';
const spare = 60_000; // milliseconds that a session must have left to be used

function request(r) {
  return new Promise((resolve, reject) => {
    r.onsuccess = () => resolve(r.result);
    r.onerror = () => reject(r.error);
  });
}

async function shelf(mode, use) {
  const opening = indexedDB.open(database, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(store);
  const db = await request(opening);
  try {
    return await request(use(db.transaction(store, mode).objectStore(store)));
  } finally {
    db.close();
  }
}

const read = (key) => shelf('readonly', (s) => s.get(key));
const write = (key, value) => shelf('readwrite', (s) => s.put(value, key));

// newKey makes a key, keeps it, and returns its nonce.
export async function newKey() {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  await write('coming', pair);
  return nonceOf(pair);
}

async function nonceOf(pair) {
  return encode(await crypto.subtle.digest('SHA-256', await crypto.subtle.exportKey('raw', pair.publicKey)));
}

// signedIn keeps the certifier's word for the key that was made last.
export async function signedIn(answer, label) {
  const pair = await read('coming');
  if (!pair) throw new Problem('This sign-in was begun in another window. Start again.', 0);
  await write('current', { pair, token: answer.token, subject: answer.subject, expiresAt: answer.expiresAt, label });
  await shelf('readwrite', (s) => s.delete('coming'));
}

// current returns the session, or null when there is none that is good.
export async function current() {
  const s = await read('current');
  return s && s.expiresAt - spare > Date.now() ? s : null;
}

// currentNonce returns the nonce of the session's key, for a second sign-in of the same page.
export async function currentNonce() {
  return nonceOf((await current()).pair);
}

// proved keeps the certifier's word for another way of the person who is signed in, for the same key. With two of them, ways to
// sign in can be changed at once.
export async function proved(answer) {
  const s = await current();
  if (!s) throw new Problem('You were signed out meanwhile. Sign in again.', 0);
  await write('current', { ...s, proofs: [...(s.proofs ?? []).filter((p) => p.subject !== answer.subject), answer] });
}

// proofs returns what was proved of a session and still holds, its own sign-in first.
export function proofs(s) {
  return [s, ...(s.proofs ?? [])].map(({ token, subject, expiresAt }) => ({ token, subject, expiresAt })).filter((p) => p.expiresAt - spare > Date.now());
}

export async function signOut() {
  await shelf('readwrite', (s) => s.clear());
}

// stamp signs a body with the session's key and returns the header for it.
export async function stamp(session, body) {
  const bytes = new TextEncoder().encode(body);
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, session.pair.privateKey, bytes);
  const publicKey = encode(await crypto.subtle.exportKey('raw', session.pair.publicKey));
  const text = JSON.stringify({ kind: 'OIDC', idToken: session.token, publicKey, algorithm: 'Secp256r1', salt: '', signature: encode(signature) });
  return { 'x-phantom-stamp': encode(new TextEncoder().encode(text)) };
}
