/* What kernels share that take the elements of an array row by row: a row is what a reduction makes one element of.

   Several lanes (threads of a block) share a row, or a part of one where rows are so few and long that several blocks
   share each. Which element is taken by which lane, and in which order what they have is put together, follows from the
   layout alone, so that equal arrays give equal bits, on whatever device. */
typedef @INDEX@ Index; /* int where it reaches all elements: divisions of long long are slow on a GPU */

enum { ARRAYS = @ARRAYS@, MOST_DIMENSIONS = @MOST_DIMENSIONS@, LOADED = 4 };

/* How to find the elements: gradcu/ops/_rows.py fills it. Rows lie along the first dimensions, elements of a row along the
   others. */
struct Layout {
    Index rows, length, part; /* how many there are, elements of a row, and of a part of one */
    int parts, lanes;         /* parts of a row, and threads that share one: a power of two */
    int lanes_adjoin;         /* whether neighbouring threads are lanes of one row, or the same lane of neighbouring rows */
    int row_dimensions, dimensions;
    Index shape[MOST_DIMENSIONS], strides[ARRAYS][MOST_DIMENSIONS]; /* of each array, in bytes */
};

/* What a thread does: elements begin + lane, begin + lane + lanes, ... below end of a row. */
struct Task {
    Index row, begin, end;
    int lane;
    bool is_real; /* the last block's threads may be more than there are rows */
};

GRADCU_FUNCTION Task task_of(const Layout &layout) {
    const int rows = THREADS / layout.lanes, thread = threadIdx.x;
    Task task;
    task.lane = layout.lanes_adjoin ? thread % layout.lanes : thread / rows;
    task.row = (Index)blockIdx.x * rows + (layout.lanes_adjoin ? thread / layout.lanes : thread % rows);
    task.is_real = task.row < layout.rows;
    task.begin = task.is_real ? (Index)blockIdx.y * layout.part : layout.length;
    task.end = layout.length - task.begin < layout.part ? layout.length : task.begin + layout.part;
    return task;
}

/* The task that merges the partial results of the row, which lie row by row. */
GRADCU_FUNCTION Task over_parts(const Layout &layout, Task task) {
    task.begin = 0;
    task.end = task.is_real ? layout.parts : 0;
    return task;
}

/* Where in the arrays of partial results, which lie row by row, the task's is. */
GRADCU_FUNCTION Index place_of(const Layout &layout, const Task &task) { return task.row * layout.parts + blockIdx.y; }

/* How many bytes behind an array's first element the one with this number along dimensions first ... last - 1 is. */
GRADCU_FUNCTION Index offset_of(const Layout &layout, int array, int first, int last, Index number) {
    Index offset = 0;
    #pragma unroll 1
    for (int d = last - 1; d > first; d--) {
        const Index rest = number / layout.shape[d];
        offset += (number - rest * layout.shape[d]) * layout.strides[array][d];
        number = rest;
    }
    return offset + number * layout.strides[array][first];
}

/* A row of an array, which may be null where none of its elements is asked for. */
template <typename V> struct Row {
    const Layout &layout;
    const int array;
    char *const begin;

    GRADCU_MEMBER Row(const Layout &layout, int array, V *data, const Task &task)
        : layout(layout), array(array),
          begin(
              data && task.is_real ? (char *)data + offset_of(layout, array, 0, layout.row_dimensions, task.row)
                                   : (char *)data
          ) {}

    GRADCU_MEMBER V &operator[](Index at) const {
        return *(V *)(begin + offset_of(layout, array, layout.row_dimensions, layout.dimensions, at));
    }
};

/* Calls take(load(at), at) for each element of the task, in order. Several elements are loaded before the first is taken,
   so that a thread waits for all of them at once. */
template <typename L, typename F>
GRADCU_FUNCTION void for_each(const Layout &layout, const Task &task, const L &load, const F &take) {
    const Index lanes = layout.lanes;
    #pragma unroll 1
    for (Index first = task.begin + task.lane; first < task.end; first += LOADED * lanes) {
        decltype(load(first)) values[LOADED];
        #pragma unroll
        for (int k = 0; k < LOADED; k++)
            if (first + k * lanes < task.end) values[k] = load(first + k * lanes);
        #pragma unroll
        for (int k = 0; k < LOADED; k++)
            if (first + k * lanes < task.end) take(values[k], first + k * lanes);
    }
}

/* What all lanes of a row have. All threads of the block must call it, and all lanes get the result. */
template <typename A> GRADCU_FUNCTION A merged(const Layout &layout, const Task &task, A mine, A *shared) {
    return merged(layout.lanes, layout.lanes_adjoin ? 1 : THREADS / layout.lanes, task.lane, mine, shared);
}
