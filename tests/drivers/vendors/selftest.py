"""The readers of the compilers' listings on small listings, the arithmetic on work-groups, and what is found wrong."""
import tempfile
import unittest
from pathlib import Path

import amd
import intel
import nvidia
from capture import CaptureError, kernel_files, read
from compile import Program, compile_program
from compiled import CompileError, Kernel
from listing import Instruction, Label, Loop, hottest_loop
from occupancy import groups_per_unit
from report import can_write, idle_patterns, row_of, short_options
from targets import TARGETS, choose

AMD_LISTING = """\t.text
product:                                ; @product
; %bb.0:
\ts_load_dword s0, s[4:5], 0x0
\ts_branch .LBB0_3
.LBB0_1:                                ; %inner
\tds_load_b32 v1, v2
\ts_waitcnt lgkmcnt(0)
\ts_delay_alu instid0(VALU_DEP_1)
\tv_dual_fmac_f32 v3, v1, v4 :: v_dual_fmac_f32 v5, v1, v6
\tv_dual_fmac_f32 v3, v1, v4 :: v_dual_mov_b32 v7, v8
\tv_fmac_f32_e32 v9, v1, v10
\tv_add_f32_e32 v9, v1, v10
\ts_cbranch_scc1 .LBB0_1
; %bb.2:
\tv_fma_f32 v1, v2, v3, v4
\ts_cbranch_scc0 .LBB0_4
.LBB0_3:
\ts_mov_b32 s1, 0
\ts_branch .LBB0_1
.LBB0_4:
\ts_endpgm
.Lfunc_end0:
\t.amdgpu_metadata
---
amdhsa.kernels:
  - .args:
      - .name:           x
        .size:           8
    .group_segment_fixed_size: 4096
    .max_flat_workgroup_size: 256
    .name:           product
    .private_segment_fixed_size: 0
    .reqd_workgroup_size:
      - 16
      - 8
      - 1
    .sgpr_count:     18
    .sgpr_spill_count: 2
    .vgpr_count:     45
    .vgpr_spill_count: 3
    .wavefront_size: 32
amdhsa.target:   amdgcn-amd-amdhsa--gfx1100
"""

PTXAS_LOG = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'product' for 'sm_80'
ptxas info    : Function properties for product
    24 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 9024 bytes smem, 472 bytes cmem[0]
ptxas info    : Compiling entry function 'plain' for 'sm_80'
ptxas info    : Function properties for plain
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 10 registers, 360 bytes cmem[0]
"""

NVIDIA_LISTING = """\t.section\t.text.product,"ax",@progbits
.text.product:
.L_x_1:
        /*0000*/                   LDS R1, [R2] ;
        /*0010*/                   FFMA.FTZ R3, R1.reuse, R4, R3 ;
        /*0020*/                   FFMA R5, R1, R4, R5 ;
        /*0030*/                   IMAD R6, R1, R4, R5 ;
        /*0040*/              @!P0 BRA `(.L_x_1) ;
        /*0050*/                   EXIT ;
.L_x_2:
        /*0060*/                   BRA `(.L_x_2) ;
        /*0070*/                   NOP ;
\t.section\t.text.plain,"ax",@progbits
.text.plain:
        /*0000*/                   FFMA R3, R1, R4, R3 ;
        /*0010*/                   EXIT ;
"""

IR = """define dso_local void @product(ptr nocapture %0) local_unnamed_addr #0 !reqd_work_group_size !9 {
!8 = !{i32 1, i32 2}
!9 = !{i32 16, i32 8, i32 1}
"""

ZE_INFO = b"""---
version:         '1.20'
kernels:
  - name:            product
    execution_env:
      grf_count:       128
      required_work_group_size: [ 16, 8, 1 ]
      simd_size:       16
      slm_size:        4160
    payload_arguments:
      - arg_type:        local_size
        size:            12
    per_thread_memory_buffers:
      - type:            scratch
        usage:           single_space
        size:            2048
kernels_misc_info:
  - name:            product
...
"""

IGC_LISTING = """//.kernel product
//.spill size 256
//.declare V1 (1)  rf=r size=32 type=ud align=16 words (r90.0)
// B1: Preds:{B0},  Succs:{B2}
L16:
        send.slm (16|M0)         r6       r12     null:0  0x0            0x04205E02           {$11} // wr:2+0
        sync.nop                             null                             {Compacted,$13.src}    // $1415
        mad (16|M0)              acc0.0<1>:f   r20.0<1;0>:f      r22.0<1;0>:f      -r24.1<0>:f      {Compacted} // $41
        mad (16|M0)              r10.0<1>:d    r4.0<1;0>:d       r8.2<0;0>:d       260:w               {$10.src} // $497
(~f1.0) goto (16|M0)                         L80            L80                                      // $8
        add (16|M0)              r16.0<1>:d    r6.0<1;1,0>:d     r14.0<1;1,0>:d   {I@1}                // $9
// B2: Preds:{B1},  Succs:{B3, B1}
L80:
        join (16|M0)                         L96                                                     // 
(f1.1)  goto.b (16|M0)                       L96            L16                                      // $640
(W)     send.gtwy (8|M0)         null     r112    null:0  0x0            0x02000010           {EOT} // end of thread
L96:
        nop
"""


def target(name):
    return choose([name])[0]


def kernel(**fields):
    return Kernel(**{**dict(name="product", registers=40, local=0, private=0, spills=0, width=32), **fields})


PROGRAM = Program("product.cl", "product.cl", "-cl-std=CL1.2 -DA=1", {}, True)


class Listings(unittest.TestCase):
    def test_amd(self):
        found, = amd.parse(AMD_LISTING)
        self.assertEqual((found.name, found.registers, found.scalars, found.local, found.private, found.spills),
                         ("product", 45, 18, 4096, 0, 5))
        self.assertEqual((found.width, found.required_group, found.largest_group), (32, (16, 8, 1), 256))
        # The load, two pairs, the multiply-add, the addition and the branch; waiting is not counted.
        self.assertEqual(found.loop, Loop(8, 4))

    def test_nvidia(self):
        groups = nvidia.required_groups(IR)
        self.assertEqual(groups, {"product": (16, 8, 1)})
        product, plain = nvidia.parse(PTXAS_LOG, NVIDIA_LISTING, groups)
        self.assertEqual((product.registers, product.local, product.private, product.spills), (40, 9024, 24, 20))
        self.assertEqual((product.required_group, product.loop), ((16, 8, 1), Loop(5, 2)))
        self.assertEqual((plain.registers, plain.local, plain.loop), (10, 0, Loop(2, 1, True)))

    def test_ptx_is_prepared(self):
        ptx = ".version 7.5\n.target sm_75, texmode_independent\n.entry product(\n\t.param .u64 x\n)\n{\n}\n"
        made = nvidia.prepare(ptx, "sm_90", {"product": (16, 8, 1)})
        self.assertIn(".target sm_90", made)
        self.assertIn("\n)\n.reqntid 16, 8, 1\n{", made)

    def test_intel(self):
        code = b"\x01\x02\x03"
        parts = {".ze_info": ZE_INFO, ".text.product": code + b"\0\0"}
        other = IGC_LISTING.replace("256", "999")
        found, = intel.parse(parts, [(other, b"\x01\x02\x04"), (IGC_LISTING, code)])
        self.assertEqual((found.local, found.private, found.spills, found.width), (4160, 2048, 256, 16))
        self.assertEqual((found.required_group, found.loop), ((16, 8, 1), Loop(7, 1)))
        self.assertEqual(found.registers, 11)
        with self.assertRaisesRegex(CompileError, "no listing"):
            intel.parse(parts, [(other, b"\x01\x02\x04")])

    def test_a_listing_without_kernels_is_an_error(self):
        for empty in (lambda: amd.parse("\t.text\n"), lambda: nvidia.parse("", "", {}), lambda: intel.parse({}, [])):
            with self.assertRaisesRegex(CompileError, "no kernel"):
                empty()


class Loops(unittest.TestCase):
    MULTIPLY_ADD, OTHER = Instruction(multiply_adds=1), Instruction()

    def test_inner_loops_are_not_their_outer_loops(self):
        lines = [Label("outer"), self.OTHER, Label("inner"), self.MULTIPLY_ADD, self.MULTIPLY_ADD, self.OTHER,
                 Instruction(targets=("inner",)), self.MULTIPLY_ADD, Instruction(targets=("outer",))]
        self.assertEqual(hottest_loop(lines), Loop(4, 2))

    def test_a_loop_may_be_entered_below_its_test(self):
        lines = [Instruction(targets=("test",), falls=False), Label("body"), self.MULTIPLY_ADD, Label("test"), self.OTHER,
                 Instruction(targets=("body",))]
        self.assertEqual(hottest_loop(lines), Loop(3, 1))

    def test_unrolled_loops(self):
        lines = [Label("loop"), self.MULTIPLY_ADD, Instruction(targets=("loop",))] + 9 * [self.MULTIPLY_ADD]
        self.assertEqual(hottest_loop(lines), Loop(9, 9, True))
        self.assertEqual(hottest_loop(lines[:-2]), Loop(2, 1))

    def test_none(self):
        self.assertIsNone(hottest_loop([Label("loop"), self.OTHER, Instruction(targets=("loop",))]))
        self.assertIsNone(hottest_loop([]))


class Groups(unittest.TestCase):
    def fit(self, name, items, **fields):
        return groups_per_unit(target(name), kernel(**fields), items)

    def test_amd(self):
        self.assertEqual(self.fit("gfx803", 256, registers=64, width=64), 4)      # 4 waves a SIMD
        self.assertEqual(self.fit("gfx803", 256, registers=65, width=64), 3)      # registers in fours: 68, 3 waves
        self.assertEqual(self.fit("gfx803", 256, registers=24, scalars=101, width=64), 7)  # 800 scalars: 7 waves
        self.assertEqual(self.fit("gfx803", 64, registers=24, width=64), 40)
        self.assertEqual(self.fit("gfx803", 256, registers=24, local=32769, width=64), 1)
        self.assertEqual(self.fit("gfx1030", 256, registers=128, local=16384), 4)  # 8 waves on each of 4 SIMDs
        self.assertEqual(self.fit("gfx1100", 256, registers=128), 5)               # in steps of 24: 144, 10 waves
        self.assertEqual(self.fit("gfx803", 2048, registers=256, width=64), 0)

    def test_nvidia(self):
        self.assertEqual(self.fit("sm_75", 256, registers=64), 4)
        self.assertEqual(self.fit("sm_80", 256, registers=40), 6)                  # 48 warps
        self.assertEqual(self.fit("sm_80", 256, registers=32, local=48 * 1024), 3)  # 164 KiB less 1 KiB a block
        self.assertEqual(self.fit("sm_90", 64, registers=16), 32)
        self.assertEqual(self.fit("sm_80", 1024, registers=128), 0)

    def test_intel(self):
        self.assertEqual(self.fit("gen9", 256, width=16), 3)                       # 56 threads
        self.assertEqual(self.fit("gen9", 256, width=16, local=33 * 1024), 1)      # 64 KiB
        self.assertEqual(self.fit("xe-hpg", 256, width=8, local=20 * 1024), 4)     # 128 threads; 24 KiB
        self.assertEqual(self.fit("gen9", 512, width=8), 0)


class Faults(unittest.TestCase):
    def problems(self, on, group=(), **fields):
        return "; ".join(row_of(target(on), PROGRAM, kernel(**fields), group).problems)

    def test_each(self):
        self.assertEqual(self.problems("gfx1030", (64,)), "")
        self.assertIn("spills 3", self.problems("gfx1030", spills=3))
        self.assertIn("8 bytes", self.problems("sm_80", private=8))
        self.assertIn("49408 bytes of local memory", self.problems("sm_80", local=49408))
        self.assertEqual(self.problems("gfx1030", local=49408), "")
        self.assertIn("work-group of 512", self.problems("gfx1030", (512,), largest_group=256))
        self.assertIn("fits", self.problems("sm_80", (1024,), registers=128))

    def test_main_loops(self):
        tiled = dict(name="conv2d_tiled", loop=Loop(10, 5))
        self.assertIn("50 % multiply-adds", self.problems("sm_80", **tiled))
        self.assertEqual(self.problems("xe-hpg", **tiled), "")
        self.assertEqual(self.problems("sm_80", name="conv2d_tiled", loop=Loop(10, 6)), "")
        self.assertEqual(self.problems("sm_80", name="conv2d_tiled", loop=Loop(10, 5, True)), "")
        self.assertIn("no multiply-adds", self.problems("gfx803", name="dense_gemm"))
        self.assertEqual(self.problems("gfx803", name="activation", loop=Loop(10, 1)), "")

    def test_products_by_a_vector_are_not_judged(self):
        for options, judged in (("-D ITEM_ROWS=1 -D ITEM_COLUMNS=4", None), ("-D ITEM_ROWS=16 -D ITEM_COLUMNS=4", True)):
            program = Program("product.cl", "product.cl", options, {}, True)
            self.assertIs(row_of(target("sm_80"), program, kernel(name="dense_gemm", loop=Loop(10, 9)), ()).judged, judged)

    def test_patterns_of_main_loops_match_kernels(self):
        rows = [row_of(target(name), PROGRAM, kernel(name=loop, loop=Loop(10, 9)), ())
                for name, loop in (("sm_80", "conv2d_tiled"), ("gen9", "dense_gemm"))]
        self.assertEqual(idle_patterns(rows), ["dense_gemm"])
        self.assertEqual(idle_patterns(rows[1:]), [])                              # not judged on Intel
        self.assertEqual([row.judged for row in rows], [True, None])
        unrolled = row_of(target("sm_80"), PROGRAM, kernel(name="dense_gemm", loop=Loop(10, 9, True)), ())
        self.assertIs(unrolled.judged, False)

    def test_json_is_refused_before_the_work(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertTrue(can_write(Path(directory, "rows.json")))
            self.assertFalse(can_write(directory))
            self.assertFalse(can_write(Path(directory, "nonsuch", "rows.json")))

    def test_what_cannot_be_read_is_a_row(self):
        program = PROGRAM._replace(groups={"product": set()})
        row, = compile_program(None, target("sm_80"), program._replace(options="-D'A"))
        self.assertIn("cannot be read (ValueError", row.problems[0])
        row, = compile_program(None, target("gfx803"), program)                    # no tools: AttributeError
        self.assertIn("cannot be read (AttributeError", row.problems[0])

    def test_short_options(self):
        rows = [row_of(target("sm_80"), PROGRAM._replace(options=options), kernel(), ())
                for options in ("-DA=1 -D B=2 -DC", "-DA=1 -DB=3 -DC")]
        self.assertEqual(short_options(rows), ["B=2", "B=3"])
        self.assertEqual(short_options(rows[:1]), ["A=1 B=2 C"])


class Captures(unittest.TestCase):
    def test_record(self):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "1f.cl").write_text('#line 1 "dense.cl"\nkernel void dense(void) {}\n')
            Path(directory, "2f.cl").write_text("a library's\n")
            Path(directory, "captured").write_text("program 1f -cl-std=CL1.2 -DA=1\nlaunch 1f dense 16 8 1\n"
                                                   "launch 1f dense 0 0 0\nprogram 2f \nlaunch 2f other 1 1 1\n"
                                                   "program 3f -DB\n")
            program, = read(directory)
            self.assertEqual((program.file, program.options, program.groups),
                             ("dense.cl", "-cl-std=CL1.2 -DA=1", {"dense": {(16, 8, 1), ()}}))

    def test_kernel_files(self):
        with tempfile.TemporaryDirectory() as directory:
            for name, text in (("a.cl", "kernel void a()"), ("b.cl", "/* a kernel */ // kernel\nvoid b()"),
                               ("c.cl", "__attribute__((x)) __kernel void\nc()"), ("d_cpu.cl", "kernel void d()")):
                Path(directory, name).write_text(text)
            self.assertEqual(kernel_files(directory), ["a.cl", "c.cl"])

    def test_nothing(self):
        with tempfile.TemporaryDirectory() as directory, self.assertRaisesRegex(CaptureError, "did not load"):
            read(directory)


class Targets(unittest.TestCase):
    def test_choice(self):
        self.assertEqual([t.name for t in choose(["gfx906", "dg2"])], ["xe-hpg", "gfx906"])
        self.assertEqual(choose([]), TARGETS)
        self.assertEqual({t.vendor for t in choose(["amd"])}, {"amd"})
        with self.assertRaises(SystemExit):
            choose(["gfx1"])


if __name__ == "__main__":
    unittest.main()
