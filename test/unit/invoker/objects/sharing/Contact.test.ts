import assert from 'node:assert/strict';
import { Contact } from '../../../../../invoker/objects/sharing/Contact.js';
import { Silences } from '../../../../../invoker/objects/sharing/Silences.js';

describe('the contact with the controllers', () => {
  it('is held while each reply is asked for before the one before is over', () => {
    const contact = new Contact();
    assert.equal(contact.heldSince(contact.lapses, 0), false);
    assert.equal(contact.lapses, 0);
    assert.equal(contact.note(1000, 500), true);
    assert.equal(contact.lapses, 1);
    const { lapses } = contact;
    assert.equal(contact.note(1500, 500), false);
    assert.equal(contact.heldSince(lapses, 2000), true);
    assert.equal(contact.heldSince(lapses, 2001), false);
    assert.equal(contact.age(1700), 200);
  });

  it('is held for as long as the later one of two replies says', () => {
    const contact = new Contact();
    contact.note(1000, 500);
    assert.equal(contact.note(1000, 800), false);
    assert.equal(contact.heldSince(contact.lapses, 1800), true);
  });

  it('has lapsed for good once there was no reply for longer', () => {
    const contact = new Contact();
    contact.note(1000, 500);
    const { lapses } = contact;
    assert.equal(contact.note(1501, 500), true);
    assert.equal(contact.heldSince(lapses, 1501), false);
    assert.equal(contact.heldSince(contact.lapses, 1501), true);
  });

  it('has lapsed even if the next reply was asked for before, and came after', () => {
    const contact = new Contact();
    contact.note(1000, 500);
    const { lapses } = contact;
    assert.equal(contact.note(1400, 500, 1600), true);
    assert.equal(contact.heldSince(lapses, 1600), false);
    assert.equal(contact.heldSince(lapses + 1, 1900), true);
    assert.equal(contact.heldSince(lapses + 1, 1901), false);
    assert.equal(contact.note(1500, 500, 1900), false);
  });

  it('tells when it was held for sure before it was lost, for a bounded number of times', () => {
    const contact = new Contact();
    for (const askedAt of [1000, 1400, 3000, 3100, 5000]) contact.note(askedAt, 500);
    assert.deepEqual(
      [1, 2].map((lapses) => contact.sureAt(lapses)),
      [1400, 3100],
    );
    assert.equal(contact.lapses, 3);
    for (let i = 1; i <= 20; i++) contact.note(5000 + i * 1000, 500);
    assert.equal(contact.sureAt(2), -Infinity);
    assert.equal(contact.sureAt(contact.lapses - 16), 5000 + 4000);
    assert.equal(contact.sureAt(contact.lapses - 17), -Infinity);
  });

  it('is not renewed by a reply that was asked for before a freeze', () => {
    const contact = new Contact();
    contact.note(1000, 500);
    const { lapses } = contact;
    assert.equal(contact.note(1400, 500), false);
    assert.equal(contact.heldSince(lapses, 9000), false);
    assert.equal(contact.note(1300, 500), false);
    assert.equal(contact.age(1500), 100);
  });
});

describe('the silence of invokers', () => {
  it('begins at the first request without an answer, by color and invoker', () => {
    const silences = new Silences(1000);
    assert.equal(silences.since('red', 1, 0), undefined);
    assert.equal(silences.note('red', 1, 100, 200), 100);
    assert.equal(silences.note('red', 1, 300, 400), 100);
    assert.equal(silences.note('red', 2, 300, 400), 300);
    assert.equal(silences.note('green', 1, 350, 400), 350);
    assert.equal(silences.since('red', 1, 500), 100);
  });

  it('ends with an answer, with another home, and when the invoker is not asked for a while', () => {
    const silences = new Silences(1000);
    silences.note('red', 1, 100, 200);
    silences.note('red', 2, 100, 200);
    silences.end('red', 1);
    assert.equal(silences.note('red', 1, 300, 400), 300);
    assert.equal(silences.note('red', 2, 300, 400), 100);
    assert.equal(silences.note('red', 1, 1400, 1500), 300);
    assert.equal(silences.since('red', 1, 2500), 300);
    assert.equal(silences.since('red', 1, 2501), undefined);
    assert.equal(silences.note('red', 1, 2501, 2600), 2501);
    silences.endAll('red');
    assert.equal(silences.since('red', 1, 2600), undefined);
  });

  it('is known for a bounded number of colors', () => {
    const silences = new Silences(1000);
    for (let i = 0; i < 10_000; i++) silences.note(`color${i}`, 1, 100, 200);
    assert.equal(silences.since('color0', 1, 200), 100);
    silences.note('another', 1, 100, 200);
    assert.equal(silences.since('color0', 1, 200), undefined);
    assert.equal(silences.since('color1', 1, 200), 100);
  });
});
