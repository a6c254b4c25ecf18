import { connect, deploy, forget, invoke } from '../client.mjs';

const client = connect();
const color = 'user-ada';
await forget(client, [color]);
await deploy(client, import.meta.url, ['home', 'wall']);
const home = await invoke(client, 'home', { user: 'ada', posts: [1, 2, 3, 4, 5, 6] }, color);
const wall = await invoke(client, 'wall', { user: 'ada', posts: [4, 5, 6, 7] }, color);
console.log(JSON.stringify({ home, wall }));
