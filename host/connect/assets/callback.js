// Takes what an outside provider sent back with the person.

import { byId, go, post, stuck } from './page.js';
import { proved, signedIn } from './session.js';

const query = new URLSearchParams(document.location.search);
const [login] = (query.get('state') ?? '').split('.');

// take keeps the sign-in, for what the person left to get it for.
async function take(intent, answer) {
  if (intent.add) sessionStorage.setItem('way', JSON.stringify({ token: answer.token, name: intent.title })); // the account page adds it
  else if (intent.prove) await proved(answer);
  else await signedIn(answer, intent.title ?? 'another account');
}

// offer shows where one can go on from here, if it is anywhere.
function offer(text, href) {
  byId('onward').textContent = text;
  byId('onward').href = href;
  byId('onward').hidden = false;
}

const intent = JSON.parse(sessionStorage.getItem('outside') ?? '{}');
sessionStorage.removeItem('outside');
try {
  const answer = await post('/login/callback', {
    state: query.get('state') ?? '', code: query.get('code') ?? '', error: query.get('error') ?? '', iss: query.get('iss') ?? '',
  });
  await take(intent, answer);
  go(intent.add || intent.prove ? '/account' : answer.location);
} catch (error) {
  stuck(error);
  if (intent.add || intent.prove) offer('Back to your account', '/account');
  else if (error.status !== 404 && login) offer('Choose a way to sign in', `/login/sign-in?login=${encodeURIComponent(login)}`);
}
