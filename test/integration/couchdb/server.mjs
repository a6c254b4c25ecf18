/*
 * A server that speaks CouchDB's protocol and runs its views: `node server.mjs FOLDER PORT`. Databases are kept in FOLDER.
 * It has no administrator: with one, express-pouchdb dies of a request that has no credentials.
 */
import { join } from 'node:path';
import express from 'express';
import expressPouchDB from 'express-pouchdb';
import PouchDB from 'pouchdb';

const [folder, port] = process.argv.slice(2);
const Stored = PouchDB.defaults({ prefix: `${folder}/` });
const app = express();
app.use(
  expressPouchDB(Stored, {
    mode: 'minimumForPouchDB',
    overrideMode: { include: ['routes/session-stub'] },
    configPath: join(folder, 'config.json'),
    logPath: join(folder, 'log.txt'),
  }),
);
app.listen(Number(port), '127.0.0.1', () => process.send?.('ready'));
