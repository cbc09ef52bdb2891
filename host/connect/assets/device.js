// The page on which people type, or compare, the code of a program.

import { busy, byId, go, post } from './page.js';

byId('device-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  busy('Looking for the program…', async () => {
    const { location } = await post('/login/start', { userCode: byId('user-code').value || '-', key: form.dataset.key });
    go(location, true);
  });
});
