import { YARDSTICKS } from '../../../../controller/simulate/index.js';
import { policyContract } from '../../../../shared/colors/policyContract.js';

for (const [name, make] of Object.entries(YARDSTICKS)) {
  describe(`the yardstick ${name}`, () => {
    for (const { title, check } of policyContract(make)) it(title, check);
  });
}
