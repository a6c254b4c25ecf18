import { example, type CatalogPackage } from './entries.js';

/** `/whisk.system/utils`: small actions for use in sequences. */
export const utils: CatalogPackage = {
  name: 'utils',
  description: 'Small actions that split and join data',
  actions: [
    {
      name: 'echo',
      description: 'Returns its parameters',
      takes: [{ name: 'payload', required: false, description: 'Anything' }],
      annotations: example({ payload: 'again' }, { payload: 'again' }),
      code: `function main(params) {
  return params || {};
}
`,
    },
    {
      name: 'cat',
      description: 'Joins lines into one text',
      takes: [{ name: 'lines', required: true, type: 'array', description: 'Texts or numbers' }],
      annotations: example({ lines: ['a', 'b'] }, { lines: ['a', 'b'], payload: 'a\nb' }),
      code: `function main({ lines = [] }) {
  const result = { lines, payload: lines.join('\\n') };
  console.log('cat: returning ' + JSON.stringify(result));
  return result;
}
`,
    },
    {
      name: 'split',
      description: 'Splits a text into an array',
      takes: [
        { name: 'payload', required: true, description: 'The text' },
        { name: 'separator', required: false, description: 'The separator; a line break by default' },
      ],
      annotations: example({ payload: 'a,b', separator: ',' }, { lines: ['a', 'b'], payload: 'a,b' }),
      code: `function main({ payload, separator }) {
  const lines = payload.toString().split(separator || /\\r?\\n/);
  const result = { lines, payload };
  console.log('split: returning ' + JSON.stringify(result));
  return result;
}
`,
    },
    {
      name: 'sort',
      description: 'Sorts lines as texts',
      takes: [{ name: 'lines', required: true, type: 'array', description: 'Texts' }],
      annotations: example({ lines: ['b', 'a'] }, { lines: ['a', 'b'], length: 2 }),
      code: `function main({ lines = [] }) {
  console.log('sort before: ' + lines);
  const sorted = [...lines].sort();
  console.log('sort after: ' + sorted);
  return { lines: sorted, length: sorted.length };
}
`,
    },
    {
      name: 'head',
      description: 'Keeps the first lines',
      takes: [
        { name: 'lines', required: true, type: 'array', description: 'The lines' },
        { name: 'num', required: false, type: 'integer', description: 'How many to keep; 1 by default' },
      ],
      annotations: example({ lines: ['a', 'b', 'c'], num: 2 }, { lines: ['a', 'b'], num: 2 }),
      code: `function main({ lines = [], num }) {
  const count = num || 1;
  const first = lines.slice(0, count);
  console.log('head: the first ' + count + ' lines of ' + lines + ': ' + first);
  return { lines: first, num: count };
}
`,
    },
    {
      name: 'date',
      description: 'Returns the time',
      annotations: { sampleOutput: { date: '2026-01-01T00:00:00.000Z' } },
      code: `function main() {
  const date = new Date();
  console.log('It is now ' + date);
  return { date };
}
`,
    },
    {
      name: 'namespace',
      description: 'Returns the namespace in which it runs',
      annotations: { sampleOutput: { namespace: 'guest' } },
      code: `function main() {
  return { namespace: process.env.__OW_NAMESPACE };
}
`,
    },
    {
      name: 'smash',
      description: 'Moves all parameters into one field',
      takes: [{ name: '$fieldName', required: true, type: 'string', description: 'The name of the field' }],
      annotations: example({ a: 1, $fieldName: 'all' }, { all: { a: 1 } }),
      code: `function main({ $fieldName, ...rest }) {
  if (typeof $fieldName !== 'string') {
    return { error: "Expected an argument '$fieldName' of type 'string'." };
  }
  return { [$fieldName]: rest };
}
`,
    },
    {
      name: 'hosturl',
      description: 'Returns the URL of an action or a trigger of its namespace',
      takes: [
        { name: 'path', required: false, type: 'string', description: 'The name, or package/name' },
        { name: 'web', required: false, type: 'boolean', description: 'Whether it is a web action' },
        { name: 'ext', required: false, type: 'string', description: 'The extension of a web action, such as .json' },
        { name: 'trigger', required: false, type: 'boolean', description: 'Whether it is a trigger' },
      ],
      annotations: example(
        { web: true, path: 'utils/echo', ext: '.json' },
        { url: 'https://openwhisk.example/api/v1/web/guest/utils/echo.json' },
      ),
      code: `const EXTENSIONS = ['.html', '.http', '.json', '.svg', '.text'];

function main({ path, web, ext, trigger }) {
  const { __OW_API_HOST: host, __OW_NAMESPACE: namespace } = process.env;
  const isWeb = web === true;
  if (isWeb && trigger) return { error: 'triggers are not allowed for web actions.' };
  if (isWeb && ext && !EXTENSIONS.includes(ext)) {
    const known = EXTENSIONS.map((name) => '"' + name + '"').join(', ');
    return { error: 'extension for web action must be one of [' + known + '].' };
  }
  if (!isWeb && trigger && path && path.includes('/')) return { error: 'triggers are not allowed in packages.' };
  const base = isWeb
    ? host + '/api/v1/web/' + namespace
    : host + '/api/v1/namespaces/' + namespace + '/' + (trigger === true ? 'triggers' : 'actions');
  if (!path) return { url: base };
  const full = isWeb && !path.includes('/') ? 'default/' + path : path;
  return { url: base + '/' + full + (isWeb && ext ? ext : '') };
}
`,
    },
  ],
};
