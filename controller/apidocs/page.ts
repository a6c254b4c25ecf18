import type { Operation } from './Operation.js';

/** An HTML page that lists the operations of the API, for readers without an OpenAPI tool. */
export function operationsPage(operations: readonly Operation[], documentUrl: string): string {
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  const sections = tags.map((tag) => {
    const rows = operations.filter((operation) => operation.tag === tag).map(row);
    return `<h2>${escapeHtml(tag)}</h2>\n<table>\n${rows.join('\n')}\n</table>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>OpenWhisk REST API</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid #ddd; padding: .3rem .6rem .3rem 0; vertical-align: top }
td:first-child { font-weight: 600; width: 5rem }
</style>
</head>
<body>
<h1>OpenWhisk REST API</h1>
<p>See also the <a href="${escapeHtml(documentUrl)}">OpenAPI document</a>.</p>
${sections.join('\n')}
</body>
</html>
`;
}

function row({ method, path, summary, query }: Operation): string {
  const parameters = query ? `<br><small>${escapeHtml(Object.keys(query.shape).join(', '))}</small>` : '';
  const cells = [method.toUpperCase(), `<code>${escapeHtml(path)}</code>${parameters}`, escapeHtml(summary)];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
