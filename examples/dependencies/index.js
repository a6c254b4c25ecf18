// Turns YAML into JSON, with a package of npm.
const { parse } = require('yaml');

exports.main = ({ yaml = '' }) => ({ json: parse(yaml) });
