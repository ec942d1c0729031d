/** The parts of Element Plus that the pages use, and their looks. Nothing else of it is loaded. */

import "element-plus/es/components/base/style/css";
import "element-plus/es/components/button/style/css";
import "element-plus/es/components/checkbox/style/css";
import "element-plus/es/components/config-provider/style/css";
import "element-plus/es/components/dialog/style/css";
import "element-plus/es/components/input/style/css";
import "element-plus/es/components/option/style/css";
import "element-plus/es/components/radio-button/style/css";
import "element-plus/es/components/radio-group/style/css";
import "element-plus/es/components/select/style/css";
import "element-plus/theme-chalk/dark/css-vars.css";

export { ElButton, ElCheckbox, ElConfigProvider, ElDialog, ElInput, ElOption, ElRadioButton, ElRadioGroup, ElSelect } from "element-plus";
