// The posts of the user, and the posts that they answer.
const objects = require('palette-whisk/objects');

/** Stands for a document database. */
async function fromDatabase(id) {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return { id, text: `post ${id}` };
}

async function main({ user, posts }) {
  let read = 0;
  const load = (id) => () => {
    read++;
    return fromDatabase(id);
  };
  const timeline = await Promise.all(posts.map((id) => objects.get(`user-${user}`, `post-${id}`, { load: load(id) })));
  return { posts: timeline.length, fromDatabase: read };
}
