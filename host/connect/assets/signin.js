// The page on which people sign in.

import { busy, byId, clear, go, main, post, Problem, say } from './page.js';
import { create, prove } from './passkey.js';
import { current, newKey, signedIn } from './session.js';

const login = main.dataset.login;
let mailed = null;

async function withPasskey(credentialId) {
  const answer = await prove(login, await newKey(), credentialId);
  await signedIn(answer, 'a passkey');
  go(answer.location);
}

byId('passkey').addEventListener('click', () => busy('Waiting for your passkey…', () => withPasskey()));

byId('create').addEventListener('click', () => busy('Your device asks you to make a passkey…', async () => {
  const id = await create(login, `Redoubt, ${new Date().toLocaleDateString()}`);
  say('Now use it once…');
  await withPasskey(id);
}));

for (const button of document.querySelectorAll('[data-provider]')) {
  button.addEventListener('click', () => busy(`Going to ${button.dataset.title}…`, async () => {
    const { location } = await post('/login/provider', { login, name: button.dataset.provider, nonce: await newKey() });
    sessionStorage.setItem('outside', JSON.stringify({ title: button.dataset.title }));
    go(location, true);
  }));
}

byId('mail-form')?.addEventListener('submit', (event) => {
  event.preventDefault();
  const field = byId('email');
  field.removeAttribute('aria-invalid');
  busy('Sending a code…', async () => {
    if (!field.checkValidity()) {
      field.setAttribute('aria-invalid', 'true');
      throw new Problem('This is not an e-mail address.', 0);
    }
    const email = field.value.trim();
    const { challenge } = await post('/login/begin', { login, nonce: await newKey(), email });
    mailed = { challenge, email };
    byId('mail-to').textContent = email;
    byId('mail-form').hidden = true;
    byId('code-form').hidden = false;
    say('A code is on its way.');
  }).then((sent) => sent && byId('code').focus());
});

byId('code-form')?.addEventListener('submit', (event) => {
  event.preventDefault();
  busy('Checking the code…', async () => {
    const answer = await post('/login/finish', { login, challenge: mailed.challenge, code: byId('code').value.replaceAll(/\s/g, '') });
    await signedIn(answer, mailed.email);
    go(answer.location);
  }).then((done) => done || byId('code').select());
});

byId('mail-again')?.addEventListener('click', () => {
  clear();
  byId('code-form').hidden = true;
  byId('mail-form').hidden = false;
  byId('email').focus();
});

const session = await current().catch(() => null);
if (session) {
  byId('continue-name').textContent = session.label;
  byId('continue').hidden = false;
  byId('passkey').classList.remove('primary');
  byId('continue-button').addEventListener('click', () => {
    go(main.dataset.account === undefined ? `/login/consent?login=${encodeURIComponent(login)}` : '/account');
  });
}
