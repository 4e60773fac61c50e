"""What `CompiledFunction.explain` says."""


class Explanation:
    def __init__(self, name):
        self.name = name
        self.result = None
        self.reasons = []

    def add_reason(self, reason, values):
        self.reasons.append(reason)

    def add_kernels(self, plans, tensors):
        self.kernels = [k for p in plans for k in p.kernels]
