// Runs at each fire of the trigger.
function main({ olderThanDays }) {
  const before = new Date(Date.now() - olderThanDays * 24 * 60 * 60 * 1000);
  console.log(`deletes what is older than ${olderThanDays} days`);
  return { before: before.toISOString() };
}
