// A guest book. GET shows the page with the form; POST adds an entry.
const objects = require('palette-whisk/objects');

async function main({ __ow_method: method, name, text }) {
  if (method === 'post') {
    if (!name || !text) return page(await entries(), 400, 'Please fill in both fields.');
    await objects.append('guestbook', 'entries', `${JSON.stringify({ name, text })}\n`, { persistence: 'stored' });
    return page(await entries(), 200, 'Thank you!');
  }
  return page(await entries(), 200, '');
}

async function entries() {
  const found = await objects.get('guestbook', 'entries');
  // Appended bytes; undefined before the first entry.
  const lines = Buffer.isBuffer(found) ? found.toString() : '';
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function page(list, statusCode, message) {
  const items = list.map(({ name, text }) => `<li><b>${escape(name)}</b>: ${escape(text)}</li>`);
  return {
    statusCode,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: `<!doctype html>
<title>Guest book</title>
<h1>Guest book</h1>
<p>${message}</p>
<ul>
${items.join('\n')}
</ul>
<form method="post">
  <input name="name" placeholder="Your name">
  <input name="text" placeholder="Your message">
  <button>Send</button>
</form>
`,
  };
}

/** Visitors must not write HTML into the page. */
function escape(text) {
  return String(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
