// The page on which people decide what an app may do. The page asks the key-management system itself, with the person's own
// key: the host only carries it.

import { appWallet, call, organization, wallets } from './kms.js';
import { busy, byId, element, go, main, post, Problem, tell } from './page.js';
import { current, stamp } from './session.js';

const form = byId('consent');
const asked = form.dataset;
const login = main.dataset.login;
const signInPage = `/login/sign-in?login=${encodeURIComponent(login)}`;

let session = null;
let organizationId = null;
let own = null; // wallet that the app has for itself, when there is one already

// show lists the person's wallets to choose from.
async function show() {
  session = await current();
  if (!session) return go(signInPage);
  byId('who').textContent = session.label;
  organizationId = await organization(session);
  const { pending } = await call(session, 'listWays', { organizationId });
  byId('changing').hidden = pending.length === 0;
  if (asked.for === 'device') return;
  for (const wallet of await wallets(session, organizationId)) {
    if (wallet.tags?.includes(asked.client)) {
      own = wallet;
      byId('own-name').textContent = 'Your wallet for this app';
      byId('own-hint').textContent = 'The one that it used before.';
      continue;
    }
    const radio = element('input', { type: 'radio', name: 'wallet', value: wallet.walletId });
    const text = element('span', {}, element('strong', {}, wallet.walletName), element('small', {}, `One of your wallets, ${wallet.walletId.slice(0, 8)}`));
    byId('others').append(element('label', { class: 'choice' }, radio, text));
  }
}

// limitCents reads the limit: cents a day, or undefined for none.
function limitCents() {
  const field = byId('limit');
  field.removeAttribute('aria-invalid');
  if (field.value === '' && !field.required && !field.validity.badInput) return undefined;
  if (!field.checkValidity() || field.value === '') {
    field.setAttribute('aria-invalid', 'true');
    throw new Problem(field.max ? `The limit is an amount from 0 to ${field.max} dollars.` : 'The limit is an amount in dollars, or empty.', 0);
  }
  return Math.round(Number(field.value) * 100);
}

// accountIndex reads which account of the chosen wallet it is, from 0. A wallet of the app's own has one.
function accountIndex() {
  const field = byId('account');
  field.removeAttribute('aria-invalid');
  if (byId('account-choice').hidden) return 0;
  if (!field.checkValidity()) {
    field.setAttribute('aria-invalid', 'true');
    throw new Problem(`The account is a number from ${field.min} to ${field.max}.`, 0);
  }
  return Number(field.value) - 1;
}

form.addEventListener('change', () => { byId('account-choice').hidden = !form.elements.wallet?.value; });

// allow connects the app and hands the consent over.
async function allow() {
  const usdCentsLimitPerDay = limitCents();
  const index = accountIndex();
  const expiresInMs = Number(byId('life').value);
  const chosen = form.elements.wallet?.value ?? '';
  session = await current();
  if (!session) return go(signInPage);
  const walletId = chosen || own?.walletId || await appWallet(session, organizationId, asked.client);
  const connection = { organizationId, clientId: asked.client, appName: asked.app, origin: asked.origin, walletId, usdCentsLimitPerDay, expiresInMs };
  if (asked.for !== 'legacy') connection.nonce = asked.nonce;
  if (asked.for === 'legacy') Object.assign(connection, { publicKey: asked.key, algorithm: asked.algorithm });
  await call(session, 'connectApp', connection);
  go((await (asked.for === 'legacy' ? connected(walletId, index, expiresInMs) : authorize(chosen, index, expiresInMs))).location);
}

// connected tells an app of the first generation, whose own key was connected.
function connected(walletId, accountIndex, expiresInMs) {
  return post('/login/connected', { login, organizationId, walletId, subject: session.subject, accountIndex, expiresInMs });
}

// authorize stamps the consent for the certifier.
async function authorize(chosen, index, expiresInMs) {
  const audience = [];
  if (asked.for === 'device') audience.push(`urn:phantom:wallet-tag:${asked.client}`);
  if (chosen) audience.push(`urn:phantom:wallet:${chosen}:${index}`);
  const params = {
    organizationId, clientId: asked.client, redirectUri: asked.redirect, origin: asked.origin, nonce: asked.nonce, audience, expiresInMs, transaction: login,
  };
  const body = JSON.stringify({ method: 'authorizeSession', params, timestampMs: Date.now() });
  return post('/login/authorize', body, await stamp(session, body));
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  busy('Letting it in…', allow);
});

byId('deny').addEventListener('click', () => busy('Telling the app…', async () => go((await post('/login/deny', { login })).location)));

byId('allow').disabled = true;
try {
  await show();
  byId('allow').disabled = false;
} catch (error) {
  if (error.status === 401) go(signInPage);
  else tell(error);
}
