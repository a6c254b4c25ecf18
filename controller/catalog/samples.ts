import { example, type CatalogPackage } from './entries.js';

/** Code for actions that call the API with the key from their environment. */
const INVOKE = `async function invoke(path, params, blocking) {
  const { __OW_API_HOST: host, __OW_API_KEY: key } = process.env;
  const base = /^https?:/.test(host) ? host : 'https://' + host;
  const [namespace, ...name] = path.split('/').filter(Boolean);
  const url = base + '/api/v1/namespaces/' + namespace + '/actions/' + name.join('/') + '?blocking=' + blocking;
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: 'Basic ' + Buffer.from(key).toString('base64'), 'content-type': 'application/json' },
    body: JSON.stringify(params),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(path + ': ' + (answer.error || response.status));
  return answer;
}
`;

/** An action that calls the API needs its caller's API key. */
const CALLS_API = { 'provide-api-key': true };

/** `/whisk.system/samples`: sample actions for beginners. */
export const samples: CatalogPackage = {
  name: 'samples',
  description: 'Sample actions for beginners',
  actions: [
    {
      name: 'helloWorld',
      description: 'Writes a line into the log',
      takes: [{ name: 'payload', required: false, description: 'Whom to greet' }],
      annotations: example({ payload: 'Cat' }, {}),
      code: `function main({ payload }) {
  console.log('hello ' + payload + '!');
}
`,
    },
    {
      name: 'greeting',
      description: 'Greets a person',
      takes: [
        { name: 'name', required: false, description: 'Whom to greet' },
        { name: 'place', required: false, description: 'Where they are from' },
      ],
      annotations: example({ name: 'Cat', place: 'Narrowsburg' }, { payload: 'Hello, Cat from Narrowsburg!' }),
      code: `function main(params) {
  console.log('params:', params);
  const name = params.name || params.payload || 'stranger';
  const place = params.place || 'somewhere';
  return { payload: 'Hello, ' + name + ' from ' + place + '!' };
}
`,
    },
    {
      name: 'helloPromises',
      description: 'Invokes another action and splits its greeting into words',
      takes: [
        { name: 'name', required: false, description: 'Whom to greet' },
        { name: 'place', required: false, description: 'Where they are from' },
      ],
      annotations: {
        ...CALLS_API,
        ...example({ name: 'Cat', place: 'Narrowsburg' }, { lines: ['Hello,', 'Cat', 'from', 'Narrowsburg!'] }),
      },
      code: `${INVOKE}
async function main({ name, place }) {
  const activation = await invoke('/whisk.system/samples/greeting', { name, place }, true);
  console.log('activation:', activation);
  return { lines: activation.response.result.payload.split(' ') };
}
`,
    },
    {
      name: 'countdown',
      description: 'Invokes itself with n - 1 until n is 0',
      takes: [{ name: 'n', required: false, description: 'The number to count down from' }],
      annotations: { ...CALLS_API, ...example({ n: 3 }, { activationId: '10f95a603b6c4966b95a603b6cd96643' }) },
      code: `${INVOKE}
function main(params) {
  const n = parseInt(params.n, 10);
  console.log(n);
  if (n === 0) console.log('Happy New Year!');
  else if (n > 0) return invoke(process.env.__OW_ACTION_NAME, { n: n - 1 }, false);
}
`,
    },
    {
      name: 'invoke',
      description: 'Gets the time from another action',
      annotations: { ...CALLS_API, sampleOutput: { date: '2026-01-01T00:00:00.000Z' } },
      code: `${INVOKE}
async function main() {
  const activation = await invoke('/whisk.system/utils/date', {}, true);
  const { date } = activation.response.result;
  console.log('It is now ' + date);
  return { date };
}
`,
    },
    {
      name: 'curl',
      description: 'Fetches a page',
      takes: [{ name: 'payload', required: true, description: 'The URL; http:// by default' }],
      annotations: example({ payload: 'example.org' }, { msg: 'the page' }),
      code: `async function main({ payload }) {
  const url = /^[a-z]+:\\/\\//i.test(payload) ? payload : 'http://' + payload;
  console.log('fetching ' + url);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10000) });
    return { msg: await response.text() };
  } catch (error) {
    return { msg: String(error.cause || error) };
  }
}
`,
    },
    {
      name: 'wordCount',
      description: 'Counts the words of a text',
      takes: [{ name: 'payload', required: true, description: 'The text' }],
      annotations: example({ payload: 'Five fuzzy felines' }, { count: 3 }),
      code: `function main({ payload }) {
  const text = payload.toString();
  const count = text.split(' ').length;
  console.log("The message '" + text + "' has " + count + ' words');
  return { count };
}
`,
    },
    {
      name: 'wordCountAsync',
      description: 'Counts the words of a text asynchronously',
      takes: [{ name: 'payload', required: true, description: 'The text' }],
      annotations: example({ payload: 'Five fuzzy felines' }, { count: 3 }),
      code: `async function main({ payload }) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const text = payload.toString();
  const count = text.split(' ').length;
  console.log("The message '" + text + "' has " + count + ' words');
  return { count };
}
`,
    },
    {
      name: 'printParams',
      description: 'Prints its parameters, sorted by name',
      annotations: example({ b: 2, a: 1 }, { params: { a: 1, b: 2 } }),
      code: `function main(given) {
  const params = {};
  for (const name of Object.keys(given).sort()) {
    console.log('params.' + name + ':', given[name]);
    params[name] = given[name];
  }
  return { params };
}
`,
    },
    {
      name: 'cat',
      description: 'Joins lines into one text, with a line break after each',
      takes: [{ name: 'lines', required: true, description: 'The lines' }],
      annotations: example({ lines: [1, 2] }, { lines: [1, 2], payload: '1\n2\n' }),
      code: `function main({ lines = [] }) {
  return { lines, payload: lines.map((line) => line + '\\n').join('') };
}
`,
    },
    {
      name: 'head',
      description: 'Keeps the first lines',
      takes: [
        { name: 'lines', required: true, description: 'The lines' },
        { name: 'num', required: false, description: 'How many to keep; 1 by default' },
      ],
      annotations: example({ lines: [1, 2, 3], num: 2 }, { lines: [1, 2], num: 2 }),
      code: `function main({ lines = [], num = 1 }) {
  return { lines: lines.slice(0, num), num };
}
`,
    },
  ],
};
