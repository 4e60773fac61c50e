"""Special functions by PyTorch's names for them: ``torch.special``. Most are in gradcu's own namespace too.

>>> import gradcu
>>> gradcu.special.expit(gradcu.tensor(0.0))
tensor(0.5000)
"""

from ._functions import digamma as digamma
from ._functions import entr as entr
from ._functions import erf as erf
from ._functions import erfc as erfc
from ._functions import exp2 as exp2
from ._functions import expm1 as expm1
from ._functions import lgamma as _lgamma
from ._functions import log1p as log1p
from ._functions import log_softmax as log_softmax
from ._functions import logit as logit
from ._functions import logsumexp as logsumexp
from ._functions import ndtr as ndtr
from ._functions import polygamma as polygamma
from ._functions import round as round
from ._functions import sigmoid as _sigmoid
from ._functions import sinc as sinc
from ._functions import softmax as softmax
from ._functions import xlog1py as xlog1py
from ._functions import xlogy as xlogy

expit, gammaln, psi = _sigmoid, _lgamma, digamma
